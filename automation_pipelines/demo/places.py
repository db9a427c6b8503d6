"""The invented tenants, in zones with every kind of offset, and what they sell. Data only."""
# ruff: noqa: E501 - a table

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Tenant:
    """One travel agency. `share` is its part of all customers, `names` its people's usual tradition."""

    name: str
    domain: str
    time_zone: str
    send_time: str
    locale: str
    currency: str
    country: str
    names: str
    share: int
    inactivity_days: int | None
    brand_color: str
    postal_address: str
    active: bool = True


# fmt: off
TENANTS: tuple[Tenant, ...] = (
    Tenant("Harbour & Pine Travel", "harbour-pine.example.com", "Europe/London", "09:00", "en-GB", "GBP", "GB",
           "english", 9, 180, "#0b6e69", "12 Quayside Row, Bristol BS1 0XX, United Kingdom"),
    Tenant("Himal Trails", "himal-trails.example.org", "Asia/Kathmandu", "08:30", "ne-NP", "NPR", "NP",
           "nepali", 5, 90, "#9c2f2f", "Thamel Marg 27, Kathmandu 44600, Nepal"),
    Tenant("Kaveri Journeys", "kaveri-journeys.example.com", "Asia/Kolkata", "10:00", "en-IN", "INR", "IN",
           "indian", 8, 120, "#c2571a", "4th Cross, Jayanagar, Bengaluru 560011, India"),
    Tenant("Southern Vine Tours", "southern-vine.example.com", "Australia/Adelaide", "09:00", "en-AU", "AUD", "AU",
           "english", 4, 365, "#6b2d5c", "88 Vintners Lane, Adelaide SA 5000, Australia"),
    Tenant("Nullarbor Roads", "nullarbor-roads.example.org", "Australia/Eucla", "07:45", "en-AU", "AUD", "AU",
           "english", 1, 60, "#b5651d", "Eyre Highway, Eucla WA 6443, Australia"),
    Tenant("Chatham Horizons", "chatham-horizons.example.org", "Pacific/Chatham", "08:00", "en-NZ", "NZD", "NZ",
           "polynesian", 1, 45, "#14507a", "1 Wharf Road, Waitangi 8016, Chatham Islands, New Zealand"),
    Tenant("Signal Hill Voyages", "signal-hill.example.com", "America/St_Johns", "09:15", "en-CA", "CAD", "CA",
           "irish", 3, 150, "#1f4e8c", "33 Battery Lane, St. John's NL A1A 1A1, Canada"),
    Tenant("Kiritimati Sunrise Expeditions", "kiritimati-sunrise.example.org", "Pacific/Kiritimati", "06:30", "en-KI",
           "AUD", "KI", "polynesian", 1, 1, "#d98200", "Main Causeway, London Village, Kiritimati, Kiribati"),
    Tenant("Maison Lafleur Voyages", "maison-lafleur.example.com", "Europe/Paris", "10:00", "fr-FR", "EUR", "FR",
           "french", 8, 200, "#7a1f4b", "5 rue des Tilleuls, 69002 Lyon, France"),
    Tenant("Nordlicht Reisen", "nordlicht-reisen.example.com", "Europe/Berlin", "08:00", "de-DE", "EUR", "DE",
           "german", 8, 180, "#155e3b", "Lindenweg 7, 20095 Hamburg, Deutschland"),
    Tenant("Brooklyn Bridge Travel Co.", "brooklyn-bridge-travel.example.com", "America/New_York", "09:30", "en-US",
           "USD", "US", "english", 10, 180, "#243b6b", "210 Front Street, Brooklyn, NY 11201, USA"),
    Tenant("Pacific Crest Getaways", "pacific-crest.example.com", "America/Los_Angeles", "10:30", "en-US", "USD", "US",
           "chinese", 8, 240, "#0f766e", "77 Ridge Avenue, Portland, OR 97205, USA"),
    Tenant("桜旅 Sakura Tabi", "sakura-tabi.example.com", "Asia/Tokyo", "09:00", "ja-JP", "JPY", "JP",
           "japanese", 7, 300, "#c0395a", "3-2-1 Yanaka, Taito-ku, Tokyo 110-0001, Japan"),
    Tenant("Andes y Mar", "andes-y-mar.example.org", "America/Santiago", "09:00", "es-CL", "CLP", "CL",
           "spanish", 5, 150, "#8a4b08", "Av. del Cerro 410, Valparaíso, Chile"),
    Tenant("Ipê Viagens", "ipe-viagens.example.org", "America/Sao_Paulo", "09:00", "pt-BR", "BRL", "BR",
           "portuguese", 6, 120, "#946200", "Rua das Acácias 52, São Paulo 01310-000, Brasil"),
    Tenant("Oasis Caravan قافلة", "oasis-caravan.example.com", "Asia/Dubai", "11:00", "ar-AE", "AED", "AE",
           "arabic", 5, 90, "#7c5c1e", "Creek Side 9, Dubai, United Arab Emirates"),
    Tenant("Cèdres & Co", "cedres.example.org", "Asia/Beirut", "00:15", "fr-LB", "USD", "LB",
           "arabic", 2, 75, "#2f6b3a", "14 rue du Port, Beyrouth, Liban"),
    Tenant("Tatra Biuro Podróży", "tatra-podroze.example.com", "Europe/Warsaw", "09:00", "pl-PL", "PLN", "PL",
           "polish", 5, 180, "#8c1c2c", "ul. Szklana 8, 30-001 Kraków, Polska"),
    Tenant("Aotearoa Paths", "aotearoa-paths.example.org", "Pacific/Auckland", "08:30", "mi-NZ", "NZD", "NZ",
           "polynesian", 3, 210, "#0d5c46", "19 Harbour Street, Wellington 6011, Aotearoa New Zealand"),
    Tenant("Lord Howe Lagoon Stays", "lagoon-stays.example.org", "Australia/Lord_Howe", "08:00", "en-AU", "AUD", "AU",
           "english", 1, None, "#1b6ca8", "Lagoon Road, Lord Howe Island NSW 2898, Australia"),
    Tenant("Marquises Perle Noire", "perle-noire.example.org", "Pacific/Marquesas", "23:45", "fr-PF", "XPF", "PF",
           "polynesian", 1, 30, "#3b3355", "Baie de Taiohae, Nuku Hiva, Polynésie française"),
    Tenant("Old Compass Holidays", "old-compass.example.com", "Europe/Lisbon", "09:00", "pt-PT", "EUR", "PT",
           "portuguese", 2, 180, "#555555", "Rua do Farol 3, 1100-001 Lisboa, Portugal", active=False),
)

SETTINGS: dict[int, dict[str, str]] = {
    1: {"sla_level_1_minutes": "30", "sla_level_1_escalate_to": "department_manager", "caps": "1 per day"},
    2: {"inactivity_days": "7", "re_engagement_channels": "wallet,email"},
    3: {"inactivity_days": "30", "re_engagement_channels": "email,sms", "re_engagement_reach": "all",
        "re_engagement_time": "11:30", "re_engagement_time_zone": "tenant", "re_engagement_repeat_days": "30",
        "re_engagement_header": "We have not seen you for a while"},
    4: {"re_engagement_enabled": "false"},
    9: {"quote_followup_day_1": "2", "quote_followup_day_2": "5", "quote_followup_day_3": "none",
        "caps": "1 per day; 3 per 7 days by email"},
    10: {"send_windows": "mon-fri 09:00-18:00", "birthday_email_time": "07:30"},
    11: {"birthday_email_time": "12:00", "birthday_email_time_zone": "America/Chicago"},
    12: {"holdout": "10", "sunset_days": "365"},
    16: {"send_windows": "mon-sat 10:00-20:00; sms 11:00-19:00"},
}
"""Per tenant (numbered from 1) the settings in which it differs."""

DESTINATIONS: tuple[str, ...] = (
    "Annapurna Circuit, Nepal", "Lisbon and the Alentejo", "Kyoto in autumn", "Patagonia and Torres del Paine",
    "Amalfi Coast", "Serengeti migration safari", "Lofoten Islands", "Rajasthan by rail", "Great Barrier Reef",
    "Iceland ring road", "Zanzibar", "Canadian Rockies", "Petra and Wadi Rum", "Galápagos cruise", "Hội An and Huế",
    "Côte d'Azur", "Faroe Islands", "Marrakech and the Atlas", "Rapa Nui", "Milford Track",
)

REQUESTS: tuple[str, ...] = (
    "Two weeks for a family of four", "Honeymoon ideas", "Change of travel dates", "Visa and passport question",
    "Group of twelve colleagues", "Vegetarian meals on board", "Wheelchair access", "Upgrade to a sea view",
    "Travelling with a dog", "Cheaper flights?", "Itinerary for day 3 & 4", "Transfer from the airport",
)

HAPPENINGS: tuple[tuple[str, str], ...] = (
    ("document_uploaded", "Copy of passport"), ("document_uploaded", "Travel insurance policy"),
    ("document_requested", "Visa form"), ("website_visit", "Looked at three itineraries"),
    ("website_visit", "Read the packing list"), ("review_left", "Five stars, “unforgettable”"),
    ("review_left", "Two stars: the transfer was late"), ("flight_changed", "Departure moved by 40 minutes"),
    ("loyalty_tier_changed", "Silver"), ("call_logged", "Asked about weather in May"),
)
COMPANIES: tuple[tuple[str, ...], tuple[str, ...]] = (
    ("Blue Lantern", "Alder & Finch", "Kestrel", "Meridian", "Søndergård", "Paprika", "Tsubame", "O'Malley", "Zenith",
     "Río Claro", "Northgate", "Quince", "Vega", "Halcyon", "Bramble", "Copperfield"),
    ("Consulting", "Logistics", "Labs", "Foods", "Architects", "Media", "Energy", "Robotics", "Textiles", "Clinics"),
)
INDUSTRIES: tuple[str, ...] = ("technology", "finance", "healthcare", "retail", "manufacturing", "education")
PRODUCTS: tuple[str, ...] = ("Travel Desk Basic", "Travel Desk Plus", "Travel Desk Enterprise")
GOALS: tuple[str, ...] = ("Book half of all trips online", "Travel policy in place", "Train 20 bookers", "Cut costs by 8 %")
STAGES: tuple[str, ...] = ("new_lead", "contacted", "qualified", "proposal", "won")
"""The sales pipeline, in its order."""

PHONES: dict[str, tuple[str, str, str, int]] = {
    "GB": ("+44", "0", "7700 900", 3), "NP": ("+977", "", "984 100", 4), "IN": ("+91", "0", "98765 0", 4),
    "AU": ("+61", "0", "491 570 ", 3), "NZ": ("+64", "0", "21 555 ", 4), "CA": ("+1", "", "709 555 01", 2),
    "KI": ("+686", "", "7300 1", 3), "FR": ("+33", "0", "6 39 98 ", 4), "DE": ("+49", "0", "151 2345 ", 4),
    "US": ("+1", "", "503 555 01", 2), "JP": ("+81", "0", "90 1234 ", 4), "CL": ("+56", "", "9 6123 ", 4),
    "BR": ("+55", "0", "11 96123 ", 4), "AE": ("+971", "0", "50 123 ", 4), "LB": ("+961", "", "71 12", 4),
    "PL": ("+48", "", "512 34", 4), "PF": ("+689", "", "87 12 ", 4), "PT": ("+351", "", "912 34", 4),
}
"""Per country: its code, the prefix within it, the beginning of a mobile number and how many digits follow."""
# fmt: on

ZONES: tuple[str, ...] = tuple(tenant.time_zone for tenant in TENANTS)
