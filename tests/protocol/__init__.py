"""Tests of the wire: the strict model server, and the codecs against its faults."""
