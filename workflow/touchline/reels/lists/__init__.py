"""Edit lists in XML: Final Cut Pro."""
