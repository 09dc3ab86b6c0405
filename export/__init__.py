"""A network in, a bundle out: `pipeline` has the steps in order."""
