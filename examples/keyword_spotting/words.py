"""The keywords, and what else is said."""

KEYWORDS = ("yes", "no", "up", "down", "left", "right", "on", "off", "stop", "go")
CLASSES = ("", *KEYWORDS)


def _words(text: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(text.split()))


# To learn what a keyword is not; the second list, with words that sound alike, is heard in the test only.
# Many begin like a keyword, or end like one, on both sides.
OTHERS: tuple[str, ...] = _words("""
about again air also animal answer back bed bird black boat book box boy bread brother build call camera car
cat chair child city clock close cold come cook country cut day dog door draw dream drink drive ear eat egg
eight evening eye face fall family farm father fast field fire first fish five floor flower food foot four
friend fruit garden girl glass green hand happy hat head hear heart help hill home horse hot house ice jump
keep key king kitchen lady lamp land laugh learn letter light like line lion listen little long look love low
machine man map market milk mind money moon morning mother mountain mouth music name near new night nine nose
note now number ocean one open orange own page paper part people phone picture place plant play please point
queen question quick rain read red river road rock room round run school sea seven shoe show sing sister six
sky sleep slow small snow song speak spring star start step story street summer sun table tall tea ten thank
three time today tree two under very voice walk wall want warm water week white wind window winter woman wood
word work world write year yellow young zero along beyond bond cop copy crop dawn desk drown elephant frown
goal goat goes got gossip honor honey know known later leg lest less let lot lost moan north not oath offer
old online only op own pipe puff pup rate rhyme ripe rise rob row sawn shop soft soul stab stall steep stomp
stuff supper test toe tone town upon uptown wife write wrote yell yeah yet yesterday
""")
UNHEARD: tuple[str, ...] = _words("""
apple autumn baby bottle bridge brown butter button candle carpet ceiling cheese cloud coffee corner cotton
cousin crowd cup doctor dollar engine finger forest ghost gold gone gown grow guess honest hour island jacket
knife lesson lift lime loft lower mess mirror mouse needle nothing office often onion oven owner pencil pepper
pocket powder press puppy rabbit rest rice ride rope silver slope soap soak spoon stock stone storm sugar swap
teacher theft tomorrow top upper upset valley village weather wheel whisper yelled
""")
