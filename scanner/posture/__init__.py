"""How far a registry is from its controls: a snapshot of it, rules over the snapshot, results.

Importing this loads no SDK; `arm` and `archive` are the two modules that talk to Azure.
"""
