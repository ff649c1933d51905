"""Where announcements go: one module a service, and the words that all of them share."""
