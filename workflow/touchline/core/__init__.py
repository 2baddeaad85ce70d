"""What everything stands on: tables, intervals, IoU, times, action names, problems, files, command lines."""
