"""The tests of lcode, mirroring the package."""
