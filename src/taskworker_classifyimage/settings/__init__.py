"""What the operator decides: `areas` declares each setting once, `sources` finds its text."""
