"""Mail, over the SMTP server of whoever runs Kotae."""

from __future__ import annotations

import re
import smtplib
import ssl
from email.message import EmailMessage
from email.utils import formatdate

from bot.settings import Mail
from knowledge_base.errors import Unavailable

SECONDS = 20
EMAIL = re.compile(r"[^@\s<>,;:\"()\[\]\\]+@[^@\s<>,;:\"()\[\]\\]+\.[^@\s<>,;:\"()\[\]\\]+")
EMAIL_CHARACTERS = 254


class BadAddress(ValueError):
    """Nobody can be written to by it."""


def address(text: str) -> str:
    """An address as it is kept; no line of a letter can be smuggled in with it. Raises BadAddress."""
    kept = text.strip()
    if len(kept) > EMAIL_CHARACTERS or not kept.isprintable() or not EMAIL.fullmatch(kept):
        raise BadAddress(f"{text!r} is no email address")
    return kept


def letter(
    sender: str, to: str, subject: str, text: str, *, reply_to: str = "", message_id: str = ""
) -> EmailMessage:
    """A letter that no out-of-office note answers; the same `message_id` twice is one letter to a reader."""
    message = EmailMessage()
    message["From"] = sender
    message["To"] = to
    if reply_to:
        message["Reply-To"] = reply_to
    message["Subject"] = " ".join(subject.split())
    message["Date"] = formatdate(localtime=False)
    if message_id:
        message["Message-ID"] = f"<{message_id}@{sender.rpartition('@')[2]}>"
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(text)
    return message


def send(message: EmailMessage, mail: Mail) -> str:
    """Hand it to the server, and return what the server said. Raises Unavailable with a sentence."""
    try:
        with _connection(mail) as server:
            if mail.security == "starttls":
                server.starttls(context=ssl.create_default_context())
            if mail.user:
                server.login(mail.user, mail.password.get_secret_value())
            server.send_message(message)
    except smtplib.SMTPException as fault:
        raise Unavailable(f"the mail server {mail.host!r} refused: {_told(fault)}") from fault
    except OSError as fault:
        raise Unavailable(f"the mail server {mail.host!r} cannot be reached: {fault}") from fault
    return "the mail server accepted it"


def _connection(mail: Mail) -> smtplib.SMTP:
    if mail.security == "tls":
        context = ssl.create_default_context()
        return smtplib.SMTP_SSL(mail.host, mail.port, timeout=SECONDS, context=context)
    return smtplib.SMTP(mail.host, mail.port, timeout=SECONDS)


def _told(fault: smtplib.SMTPException) -> str:
    match fault:
        case smtplib.SMTPResponseException():
            said = fault.smtp_error
            return f"{fault.smtp_code} {said.decode(errors='replace') if isinstance(said, bytes) else said}"
        case smtplib.SMTPRecipientsRefused():
            return "; ".join(
                f"{code} {said.decode(errors='replace')}" for code, said in fault.recipients.values()
            )
        case _:
            return str(fault) or type(fault).__name__
