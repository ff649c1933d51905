"""Pushscan's core: from a push to a verdict with reasons. Knows nothing of Azure Functions."""
