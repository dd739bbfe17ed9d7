"""The networks of Keras: which there are, where their weights lie, and how TensorFlow runs them.

Nothing here imports TensorFlow before a network is asked for.
"""
