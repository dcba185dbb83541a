"""Many videos at a time, and one page that shows them all."""
