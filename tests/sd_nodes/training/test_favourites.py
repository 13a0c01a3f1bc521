from sd_nodes.training.dataset import Picture
from sd_nodes.training.favourites import FAVOURITES, weight


def picture(subject: str, group: str) -> Picture:
    return Picture(subject, "flat", "1f438", group, "any")


def test_favourites_are_learned_oftenest_then_animals_then_the_rest() -> None:
    frog, snake, abacus = (
        picture("a frog", "animals-nature"),
        picture("a snake", "animals-nature"),
        picture("x", "objects"),
    )
    assert weight(frog) > weight(snake) > weight(abacus) > 0


def test_favourites_are_written_as_captions_name_them() -> None:
    assert all(name == name.lower().strip() for name in FAVOURITES)
    assert len(FAVOURITES) > 100
