"""Providers: the neutral protocol, the codec of each wire form, senders, retry, the catalogue of models."""
