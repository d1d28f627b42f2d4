// Moments in the reader's own time zone and manner; without script they are told in UTC.
const clock = new Intl.DateTimeFormat(document.documentElement.lang, { dateStyle: "medium", timeStyle: "short" });

function tellTimes(part) {
  for (const time of part.querySelectorAll("time")) time.textContent = clock.format(new Date(time.dateTime));
}

tellTimes(document);
