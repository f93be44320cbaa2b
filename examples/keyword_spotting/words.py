"""The keywords, and what else is said: words to learn from, to choose a threshold by, and to be tested on.

No word is on two of these lists. Many begin like a keyword, or end like one, on all of them.
"""

KEYWORDS = ("yes", "no", "up", "down", "left", "right", "on", "off", "stop", "go")
CLASSES = ("", *KEYWORDS)


def _words(text: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(text.split()))


TRAIN_OTHERS: tuple[str, ...] = _words("""
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
word work world year yellow young zero beyond bond copy crop dawn drown elephant frown goal goat got
gossip honor later leg less let lost moan north oath offer old only ripe rob row sawn shop soft soul stab
steep stomp stuff supper test toe tone uptown wife wrote yell yesterday act add age ago all am and any arm art
ask aunt away awful bag ball bank bath beach bean bear beat began bell below best better big bit blow blue body
bone born both bottom bowl brain branch bright bring brush bus busy buy cake can cap card care carry case catch
cause cave center chance change cheap check chest chicken circle class clean clear climb cloth coat color common
cool cost count cover cross cry dance dark dead deep desert did dinner dirt dish does done doubt dress dry duck
dust each early earth east easy edge else empty end enough enter every exit fact far fat fear feel fell few fight
fill film find fine flag flat flow fly follow for fork form forward found free from front full fun game gas gate
gather gave gentle get gift give glad goose grass gray great ground group guard hair half hall hard has have he
heavy held hello here hidden high him his hold hole hope how huge hundred hurry hurt idea if ill in inch iron
job join joke joy judge just kick kid kill kind kiss lake large last late law lay lazy lead leaf lean least leave
life lip list live loaf lock lord loss loud luck lunch made mail main make many march mark mask match may me meal
mean meat meet melt men message metal middle mile miss mix monkey month mop more most motor move much mud must
nail narrow neck need nest never next nice nod noise noon nor nut odd of oil or other out over pack pain
paint pair pan park pass past path pay pea peace pen pet pick piece pig pin pink pipe pizza plain plan plate
pool poor pop post pot pound pour power prize proud pull pump push put quiet race radio raise ran reach ready
real ring rise roll roof root rose row rule sad safe said sail salt same sand sat save saw say scale seat second
see seed seem sell send sentence set shade shake shape share sharp sheep shelf shine ship shirt shoot short
shot should shout shut sick side sign silk simple sit size skin skirt slept slide slip smell smile smoke smooth
snake so sock some son soon sort sound soup south space spell spend spill spot spread square stand station stay
steel stick stiff still stood stool store stove straight strange stream strong student such sudden suit sure
sweet swim tail take talk tank tape taste tax teach team tear tell tent than that the then there they thick thin
thing think this thought thread throat through throw thumb ticket tie tiger tight tin tip tire to tooth touch
tower toy track trade train trip trouble truck true trust try turn twelve twenty twice type uncle unit until us
use van view visit wait wake war wash watch wave way we wear wed well went were west wet what when where which
while who why wide wild will win wing wire wise wish with wolf won wonder worm wrap wrong yard yawn
""")
VALIDATION_OTHERS: tuple[str, ...] = _words("""
along desk goes honey known leak lest lot not online pigeon puff pup puppet rate rhyme
stall stair soften town toss upon yeah yet gust cough dune drought elf lefty
nervous gloat gnome dome awning offend uproar
stork stoop
bicycle blanket candy castle cinema daughter dentist feather flute gravel hammer husband insect jungle kettle
ladder lemon magnet marble napkin oyster parrot pilot planet rocket sailor spider tunnel turtle umbrella violin
""")
TEST_OTHERS: tuple[str, ...] = _words("""
apple autumn baby bottle bridge brown butter button candle carpet ceiling cheese cloud coffee corner cotton
cousin crowd cup doctor dollar engine finger forest ghost gold gone gown grow guess honest hour island jacket
knife lesson lift lime loft lower mess mirror mouse needle nothing office often onion oven owner pencil pepper
pocket powder press puppy rabbit rest rice ride rope silver slope soap soak spoon stock stone storm sugar swap
teacher theft tomorrow top upper upset valley village weather wheel whisper yelled
""")
