"""The tables: their columns with types, units and descriptions, and how files carry these."""
