"""What is used where nothing is asked for: for each data set of the course its own hidden units and learning rate."""

HIDDEN = {"digits": (25, 15), "signs": (25, 12), "cats": (20, 7, 5)}
LEARNING_RATE = {"signs": 1e-4, "cats": 1e-4}
# for a file
FILE_HIDDEN, FILE_LEARNING_RATE = (25, 12), 1e-3
