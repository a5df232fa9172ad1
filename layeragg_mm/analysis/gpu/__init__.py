"""A GPU's report: what it measures, in the time that there is, and how it tells of it."""
