"""Guess whether a text is English, by frequent words. Pure; where there are too few, it is."""

import re

_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")
_SHORTENED = re.compile(r".*(n't|'s|'re|'ll|'ve|'m|'d)")  # don't, it's
_ELIDED = re.compile(r"(j|m|n|qu)'[^\W\d_]+")  # j'ai, qu'il
_MARKED = re.compile("[ßñøæåłőűğşıțșăđơưčřžšěůąężźćńśãõœ]")  # English, too, has é, ü and ê
_MAX_SHORT = 4  # words of a greeting, in which one of another language tells enough
_MIN_LONG = 10  # so many different words in small letters, and none of the English ones
# Words of one list only, and of no names: no "in" or "so", no "de" or "van".
_ENGLISH = frozenset(
    """
    the of and you that this with are have my your what there they from would can our his her she
    it be been were how when who which about just know all like please thanks thank hello yes good
    is was not but we by or if as than then them some out up into over more very here now one two
    time people see make go going get got want said say because could should their other only also
    after before first new day i'm let's where why too well again always never every for has had
    he him its to us off down little great
    """.split()
)
_OTHER = frozenset(
    """
    ich du wir ihr ist sind bin bist das dem ein eine einen einer und oder aber nicht mit für auf
    zum zur wie wo wenn dass mein meine meiner dein guten heute habe haben kann kein sehr schön auch
    nur noch bei aus nach über uns mich dich sich dir mir danke bitte nein hallo sie er es geht
    geht's kleinen willkommen grüezi

    ik jij het een niet voor dat hoe gaat goed mijn heb heeft zijn ook maar wij zij woon naam

    je tu il elle nous vous est sont suis avec pour dans sur pas une les mais où qui que quoi très
    bien mon cette ça être avoir fait aujourd'hui bonjour merci allez votre c'est moi toi
    tout monde

    hola cómo como estás está están con por para qué pero más muy yo tú nosotros sí gracias buenos
    días todos hoy este esta soy eres somos tengo tiene vivo llamo aquí también porque cuando un
    buenas

    olá você eu não tudo com uma um muito obrigado isso é são estou gosto meu minha mais hoje
    bom dia

    ciao sono non che gli questo questa stai oggi molto bene grazie chiamo ho hai vengo della nel
    più anche perché buongiorno

    bună ce mai faci și sunt pentru ziua

    hej jag är och att det inte på som för hur mår jeg ikke og til av hva hvordan bor

    hyvää päivää mitä kuuluu ja että minä olen kiitos

    jest nie się jak co dzień dobry mam masz czy ale tak proszę dziękuję jestem jsem ahoj máš dobrý
    děkuji není

    szia hogy vagy és egy nem az köszönöm merhaba bir ve bu nasılsın için çok değil

    xin chào bạn không là của và tôi có selamat pagi apa kabar saya yang dan tidak ini itu dengan
    untuk adalah
    """.split()
)


def looks_english(typed: str) -> bool:
    """Return whether `typed` has more of the English words than of other languages', or few."""
    found = [word.replace("’", "'") for word in _WORD.findall(typed)]
    english, other = 0, 0
    for word in found:
        folded = word.casefold()
        marked = word[0].islower() and _MARKED.search(folded)  # not in a name
        if folded in _OTHER or _ELIDED.fullmatch(folded) or marked:
            other += 1
        elif folded in _ENGLISH or _SHORTENED.fullmatch(folded):
            english += 1
    small = {word for word in found if word[0].islower()}
    is_short = 1 < len(found) <= _MAX_SHORT
    if not english and (other and is_short or len(small) >= _MIN_LONG):
        return False
    return other < 2 or other <= english
