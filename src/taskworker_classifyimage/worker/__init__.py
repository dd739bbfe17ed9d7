"""A worker's life: it asks for tasks, keeps several in flight, finds what was lost, and ends well.

    recovery -> worker -> in_flight -> (pipeline)      while it runs
    hand_back                                          when it stops
    neighbours, rescue                                 other workers, dead or alive

Here parts are joined in time; what is done to one task is in `pipeline`.
"""
