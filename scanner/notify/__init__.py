"""Tells people, once, and only what they must act on."""
