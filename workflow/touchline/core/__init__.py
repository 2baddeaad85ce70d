"""Shared foundations: table schemas, intervals, IoU, clocks, bad input, files, command lines."""
