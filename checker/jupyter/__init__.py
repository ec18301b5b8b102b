"""JupyterLab on the learner's copies of the notebooks: settings of its own, started, found again and stopped."""
