"""Shared foundations: table schemas, intervals, IoU, clocks, action names, input problems, files, commands."""
