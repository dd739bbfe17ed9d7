"""A worker's life: it takes tasks, keeps several in flight, finds lost ones, and ends in order.

    own_name, recovery -> worker -> in_flight -> (pipeline)    while it runs
    hand_back                                                  when it stops
    rescue                                                     tasks of other workers, which died

Here tasks are scheduled; what is done to one task is in `pipeline`.
"""
