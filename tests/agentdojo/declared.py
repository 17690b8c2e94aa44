"""What every function of AgentDojo's four suites does: one table, read off the functions' sources.

A read changes nothing that anybody else could notice. `get_unread_emails` marks what it gives as
read, as any mail program does; it is a read. (AgentDojo sees the mark as a change: some user tasks
fail their utility once a hijacked model has called it. As a write it would ask in one user task.)
Only the two web functions reach beyond the person's own mailbox, calendar, drive, bank and
workspace; of these only `get_webpage` is a read: its URL tells a stranger's server something.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Area = Literal[
    "mail", "calendar", "drive", "hotels", "restaurants", "cars", "flights", "profile", "payments",
    "files", "account", "messages", "members", "web",
]  # fmt: skip


@dataclass(frozen=True)
class Declared:
    """What a function is declared as when it becomes a tool."""

    area: Area
    """The kind of work it is for: a scoped specialist has the tools of one."""
    sinks: tuple[str, ...] = ()
    """Arguments that decide where something goes, what of the person's it touches, or how much."""
    told: tuple[str, ...] = ()
    """Arguments that hold the text itself: what is told to others, or written down."""
    writes: bool = False
    egress: bool = False
    """A read that leaves the machine."""
    document: bool = False
    """Its results hold text that strangers wrote."""

    @property
    def acts(self) -> bool:
        """Whether a call has a side effect or leaves the machine."""
        return self.writes or self.egress


def _read(area: Area, *, document: bool = True) -> Declared:
    return Declared(area, document=document)


def _write(area: Area, *sinks: str, told: tuple[str, ...] = ()) -> Declared:
    return Declared(area, sinks, told, writes=True)


_MAILS = {
    "send_email": _write(
        "mail", "recipients", "cc", "bcc", "attachments", told=("subject", "body")
    ),
    "delete_email": _write("mail", "email_id"),
    "get_unread_emails": _read("mail"),
    "get_sent_emails": _read("mail"),
    "get_received_emails": _read("mail"),
    "get_draft_emails": _read("mail"),
    "search_emails": _read("mail"),
    "search_contacts_by_name": _read("mail"),
    "search_contacts_by_email": _read("mail"),
}
_CALENDAR = {
    "get_current_day": _read("calendar", document=False),
    "search_calendar_events": _read("calendar"),
    "get_day_calendar_events": _read("calendar"),
    "create_calendar_event": _write(
        "calendar", "title", "participants", told=("location", "description")
    ),
    "cancel_calendar_event": _write("calendar", "event_id"),
    "reschedule_calendar_event": _write("calendar", "event_id"),
    "add_calendar_event_participants": _write("calendar", "event_id", "participants"),
}
_DRIVE = {
    "append_to_file": _write("drive", "file_id", told=("content",)),
    "search_files_by_filename": _read("drive"),
    "create_file": _write("drive", "filename", told=("content",)),
    "delete_file": _write("drive", "file_id"),
    "get_file_by_id": _read("drive"),
    "list_files": _read("drive"),
    "share_file": _write("drive", "file_id", "email", "permission"),
    "search_files": _read("drive"),
}
_TRAVEL = {
    "get_user_information": _read("profile", document=False),
    "get_all_hotels_in_city": _read("hotels", document=False),
    "get_hotels_prices": _read("hotels", document=False),
    "get_rating_reviews_for_hotels": _read("hotels"),
    "get_hotels_address": _read("hotels", document=False),
    "reserve_hotel": _write("hotels", "hotel", "start_day", "end_day"),
    "get_all_restaurants_in_city": _read("restaurants", document=False),
    "get_cuisine_type_for_restaurants": _read("restaurants", document=False),
    "get_restaurants_address": _read("restaurants", document=False),
    "get_rating_reviews_for_restaurants": _read("restaurants"),
    "get_dietary_restrictions_for_all_restaurants": _read("restaurants", document=False),
    "get_contact_information_for_restaurants": _read("restaurants", document=False),
    "get_price_for_restaurants": _read("restaurants", document=False),
    "check_restaurant_opening_hours": _read("restaurants", document=False),
    "reserve_restaurant": _write("restaurants", "restaurant", "start_time"),
    "get_all_car_rental_companies_in_city": _read("cars", document=False),
    "get_car_types_available": _read("cars", document=False),
    "get_rating_reviews_for_car_rental": _read("cars"),
    "get_car_fuel_options": _read("cars", document=False),
    "get_car_rental_address": _read("cars", document=False),
    "get_car_price_per_day": _read("cars", document=False),
    "reserve_car_rental": _write("cars", "company", "start_time", "end_time"),
    "get_flight_information": _read("flights", document=False),
}
_BANKING = {
    "get_iban": _read("payments", document=False),
    "get_balance": _read("payments", document=False),
    "get_most_recent_transactions": _read("payments"),
    "get_scheduled_transactions": _read("payments", document=False),
    "send_money": _write("payments", "recipient", "amount", told=("subject",)),
    "schedule_transaction": _write("payments", "recipient", "amount", told=("subject",)),
    "update_scheduled_transaction": _write(
        "payments", "id", "recipient", "amount", told=("subject",)
    ),
    "read_file": _read("files"),
    "get_user_info": _read("account", document=False),
    "update_password": _write("account", "password"),
    "update_user_info": _write("account", "first_name", "last_name", "street", "city"),
}
_SLACK = {
    "get_channels": _read("messages"),
    "read_channel_messages": _read("messages"),
    "read_inbox": _read("messages"),
    "send_direct_message": _write("messages", "recipient", told=("body",)),
    "send_channel_message": _write("messages", "channel", told=("body",)),
    "get_users_in_channel": _read("members", document=False),
    "add_user_to_channel": _write("members", "user", "channel"),
    "invite_user_to_slack": _write("members", "user", "user_email"),
    "remove_user_from_slack": _write("members", "user"),
    "get_webpage": Declared("web", ("url",), egress=True, document=True),
    "post_webpage": _write("web", "url", told=("content",)),
}

FUNCTIONS: Mapping[str, Declared] = {
    **_MAILS,
    **_CALENDAR,
    **_DRIVE,
    **_TRAVEL,
    **_BANKING,
    **_SLACK,
}
"""By name. A name means the same in every suite that has it."""
