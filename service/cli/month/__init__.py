"""The simulated month: a hospital of many beds built, filmed, played and compared with its truth."""
