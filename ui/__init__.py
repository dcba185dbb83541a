"""What people see: the page and the command line's words. Knows no engine by class."""
