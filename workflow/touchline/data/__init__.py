"""What goes into a study: the sheet, labels, commentary and samples."""
