"""Faces: consumers of events."""
