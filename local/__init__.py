"""What stands in for Azure on one machine. Never deployed."""
