"""How often each drawing is learned: a small model draws a hundred things well, or a thousand badly."""

from __future__ import annotations

from .dataset import Picture

GROUP_WEIGHTS = {"smileys-emotion": 2.0, "animals-nature": 2.0, "food-drink": 2.0}
FAVOURITE_WEIGHT = 20.0
FAVOURITES = frozenset(
    {
        *("a grinning face", "a grinning face with smiling eyes", "a smiling face with smiling eyes"),
        *("a smiling face with heart-eyes", "a smiling face with sunglasses", "a winking face", "a crying face"),
        *("an angry face", "a sleeping face", "a ghost", "a robot", "an alien", "a skull", "a grinning cat"),
        *("a cat face", "a dog face", "a tiger face", "a lion", "a fox", "a wolf", "a bear", "a panda", "a koala"),
        *("a polar bear", "a rabbit face", "a mouse face", "a hamster", "a cow face", "a pig face", "a monkey face"),
        *("a horse face", "a unicorn", "a raccoon", "a frog", "a chicken", "a penguin", "an owl", "a baby chick"),
        *("a bird", "a duck", "a parrot", "a turtle", "a fish", "a tropical fish", "a whale", "a dolphin"),
        *("an octopus", "a crab", "a butterfly", "a lady beetle", "a honeybee", "a snail", "an elephant"),
        *("a cactus", "a sunflower", "a rose", "a tulip", "a cherry blossom", "a mushroom", "an evergreen tree"),
        *("a palm tree", "a red apple", "a green apple", "a tangerine", "a lemon", "a banana", "a watermelon"),
        *("a strawberry", "a peach", "a pineapple", "a pear", "a tomato", "a carrot", "an avocado", "cherries"),
        *("a hamburger", "a pizza", "a hot dog", "a doughnut", "a cookie", "a cupcake", "a birthday cake"),
        *("ice cream", "a hot beverage", "a beer mug", "a sun", "a sun with face", "a crescent moon", "a star"),
        *("a rocket", "an automobile", "a bus", "a sailboat", "a house", "a mountain", "a globe showing americas"),
        *("a soccer ball", "a basketball", "a tennis", "a balloon", "a teddy bear", "a jack-o-lantern", "a trophy"),
        *("a christmas tree", "a wrapped gift", "a light bulb", "a bell", "a camera", "a crown", "a guitar", "a key"),
    }
)


def weight(picture: Picture) -> float:
    """Tells how often a drawing is learned, against one that nothing speaks for."""
    return FAVOURITE_WEIGHT if picture.subject in FAVOURITES else GROUP_WEIGHTS.get(picture.group, 1.0)
