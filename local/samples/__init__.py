"""Sample images made of real packages, and a sample of the real advisories on them."""
