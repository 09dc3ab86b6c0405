"""The networks: `registry` says what there is, one file builds each."""
