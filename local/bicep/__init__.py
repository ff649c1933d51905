"""Bicep without its compiler: reads, checks and evaluates the subset `infra/` is written in."""
