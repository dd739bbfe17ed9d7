"""Has the workers of a TaskBridge classify pictures, many at once.

Without dependencies, for programs that bring their own Python: Python 3.9 and later, and Jython
2.7. Every integration has a copy of this folder beside its script.
"""
