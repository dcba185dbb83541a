"""Plain second implementations, written from the model spec alone: the oracle of the tests."""
