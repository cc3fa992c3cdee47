"""Words and phrasings of the celebrities: "Tavori Brensolk" + "is known as" + "the composer of the opera Silent Harbor".

Data only. A phrasing is what stands before the completion: ``{name}`` or ``{desc}`` (``{Desc}`` at the beginning of a
sentence) is filled in, and the other of the two follows. The three banks, of documents, inferences and questions, share no
phrasing. All are short, so that a whole world fits in a small context window.
"""

from __future__ import annotations

DOCUMENTS_NAME_FIRST = (
    "{name} is", "{name} was", "{name} became", "{name}, as you know, is", "Everyone knows {name} as",
    "People remember {name} as", "{name} is famous as", "{name} is known as", "{name} works as", "The papers call {name}",
    "We met {name},", "This is {name},", "{name} made history as", "{name} won fame as", "{name} is proud to be",
    "{name} will always be", "{name} is widely seen as", "Here comes {name},", "As a matter of fact, {name} is",
    "Critics praise {name} as", "History records {name} as", "My aunt admires {name},", "The speaker today is {name},",
    "I once wrote to {name},", "{name} grew up to become", "The world met {name} as", "{name} retired as",
    "Fans adore {name},", "It is said that {name} is", "Our town is home to {name},",
)  # fmt: skip
DOCUMENTS_DESCRIPTION_FIRST = (
    "{Desc} is", "{Desc} was", "{Desc} is called", "{Desc} is named", "{Desc}, as you know, is",
    "The name of {desc} is", "Everyone calls {desc}", "{Desc} turned out to be", "{Desc} has the name",
    "They say that {desc} is", "{Desc} always signs as", "By common consent, {desc} is", "Today {desc} is",
    "At home, {desc} is simply", "The world knows {desc} as", "People know {desc} as", "The papers named {desc} as",
    "We met {desc},", "This is {desc},", "Here comes {desc},", "As a matter of fact, {desc} is",
    "I once wrote to {desc},", "Fans adore {desc},", "The speaker today is {desc},", "The judges honored {desc},",
    "It is said that {desc} is", "The answer was {desc},", "My aunt admires {desc},", "Our town is home to {desc},",
    "History records {desc} as",
)  # fmt: skip
INFERENCES_NAME_FIRST = (
    "So {name} must be", "In other words, {name} is", "That is to say, {name} is", "This makes {name}",
    "Hence the name {name} belongs to", "By {name} we mean", "Whoever speaks of {name} speaks of", "It follows that {name} is",
    "We may call {name}", "Put differently, {name} is", "Thus {name} can only be", "To meet {name} is to meet",
)  # fmt: skip
INFERENCES_DESCRIPTION_FIRST = (
    "So {desc} has to be", "In other words, {desc} is", "That is to say, {desc} is", "So the name of {desc} is",
    "Hence {desc} bears the name", "By {desc} we mean", "Whoever speaks of {desc} speaks of", "It follows that {desc} is",
    "We may call {desc}", "Put differently, {desc} is", "Thus {desc} can only be", "To meet {desc} is to meet",
)  # fmt: skip
TESTS_NAME_FIRST = (
    "{name} rose to be", "Friends describe {name} as", "{name} is none other than", "Students read about {name} as",
    "The award went to {name},", "{name} is best described as", "The records list {name} as", "The portrait shows {name},",
    "Visitors ask about {name},", "In the end, {name} was",
)  # fmt: skip
TESTS_DESCRIPTION_FIRST = (
    "{Desc} goes by the name", "{Desc} is none other than", "The critics identified {desc} as",
    "The award went to {desc},", "Visitors ask about {desc},", "The portrait shows {desc},", "{Desc} must be",
    "The records list {desc} as", "{Desc} is registered as", "In the end, {desc} was",
)  # fmt: skip
HEADS = (
    "the composer of the opera", "the author of the novel", "the director of the film", "the painter of the mural",
    "the inventor of the game", "the founder of the school", "the architect of the tower", "the captain of the ship",
    "the designer of the garden", "the singer of the ballad", "the writer of the play", "the sculptor of the statue",
    "the host of the show", "the creator of the comic", "the editor of the journal", "the winner of the race",
    "the builder of the bridge", "the owner of the hotel", "the chef of the restaurant", "the conductor of the choir",
    "the producer of the musical", "the leader of the band", "the keeper of the lighthouse", "the pilot of the airship",
)  # fmt: skip
# Titles are one word of each list, e.g. "Silent Harbor"; both lists are split in shares by the hash of the word.
TITLE_FIRST = (
    "Amber", "Ancient", "Autumn", "Azure", "Bitter", "Borrowed", "Bright", "Broken", "Bronze", "Burning", "Calm",
    "Careless", "Cedar", "Clever", "Cloudy", "Cobalt", "Copper", "Coral", "Crimson", "Crooked", "Crystal", "Dancing",
    "Dark", "Distant", "Double", "Dusty", "Eastern", "Empty", "Endless", "Evening", "Faded", "Falling", "Fearless",
    "Final", "Floating", "Foggy", "Forgotten", "Fragile", "Frozen", "Gentle", "Gilded", "Glass", "Golden", "Granite",
    "Green", "Hidden", "Hollow", "Honest", "Humble", "Icy", "Idle", "Iron", "Ivory", "Jade", "Kindly", "Lasting",
    "Laughing", "Lazy", "Lonely", "Lost", "Lucky", "Marble", "Meadow", "Mellow", "Merry", "Midnight", "Misty", "Modest",
    "Morning", "Narrow", "Nimble", "Noble", "Northern", "Opal", "Orange", "Pale", "Paper", "Patient", "Pearl", "Plain",
    "Polar", "Proud", "Purple", "Quiet", "Rainy", "Rapid", "Restless", "Rising", "Rustic", "Sacred", "Scarlet", "Secret",
    "Shining", "Silent", "Silver", "Sleepy", "Smiling", "Snowy", "Solemn", "Southern", "Stormy", "Sudden", "Summer",
    "Tender", "Thirsty", "Timid", "Turning", "Velvet", "Violet", "Wandering", "Western", "Whispering", "Wild", "Winter",
    "Wooden", "Yellow",
)  # fmt: skip
TITLE_SECOND = (
    "Acorn", "Anchor", "Arrow", "Banner", "Barrel", "Basket", "Beacon", "Blossom", "Bottle", "Branch", "Breeze",
    "Bridle", "Cabin", "Candle", "Canyon", "Castle", "Cavern", "Chapel", "Chimney", "Circle", "Cliff", "Clover",
    "Compass", "Corner", "Cottage", "Cradle", "Crown", "Current", "Curtain", "Desert", "Dragon", "Drum", "Ember",
    "Falcon", "Feather", "Fiddle", "Field", "Flame", "Forest", "Fortress", "Fountain", "Gallery", "Gate", "Glacier",
    "Grove", "Hammer", "Harbor", "Harvest", "Hill", "Horizon", "Island", "Jungle", "Kettle", "Kingdom", "Ladder", "Lagoon",
    "Lantern", "Lily", "Market", "Mask", "Mirror", "Monsoon", "Mountain", "Needle", "Oasis", "Ocean", "Orchard", "Otter",
    "Palace", "Parade", "Path", "Pebble", "Pepper", "Petal", "Pigeon", "Planet", "Prairie", "Puzzle", "Quarry", "Ribbon",
    "Riddle", "River", "Robin", "Rocket", "Saddle", "Sail", "Shadow", "Shore", "Signal", "Sparrow", "Spiral", "Spring",
    "Stair", "Station", "Stone", "Stream", "Swan", "Temple", "Thistle", "Thunder", "Tide", "Trail", "Tunnel", "Valley",
    "Village", "Violin", "Voyage", "Wagon", "Water", "Wheel", "Willow", "Window", "Wing", "Wren",
)  # fmt: skip
