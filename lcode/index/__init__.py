"""Understanding of the code: what a repository is made of, without a model."""
