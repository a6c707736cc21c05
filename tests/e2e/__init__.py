"""The program as its user runs it: real processes, a real repository and store, and the tests' strict model server."""
