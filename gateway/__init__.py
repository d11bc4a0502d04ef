"""HTTP in: receives what vendors call back, checks it, stores it, answers. All further work is a task's."""
