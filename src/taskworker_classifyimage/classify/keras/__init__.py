"""The networks of Keras: which ones exist, where their weights are, and how TensorFlow runs them.

Nothing here imports TensorFlow before a network is asked for.
"""
