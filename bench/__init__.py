"""Speed and memory of Pushscan beside its peers, in one run on one machine: `make bench`."""
