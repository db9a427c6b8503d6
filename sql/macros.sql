-- The pieces of DuckDB's dialect that other engines spell differently, each behind one name.

-- A text key as 63 bits: the first 16 hex digits of its MD5 without the sign bit, the same everywhere.
CREATE OR REPLACE MACRO hash63(key) AS
    CAST(('0x' || substr(md5(CAST(key AS VARCHAR)), 1, 16))::UBIGINT & 9223372036854775807 AS BIGINT);

-- An instant or date as whole minutes since 1970-01-01T00:00Z.
CREATE OR REPLACE MACRO minutes_of(moment) AS CAST(floor(epoch(moment) / 60) AS BIGINT);

-- How many minutes lie between two instants, fractions of them included.
CREATE OR REPLACE MACRO minutes_between(since, until) AS (epoch(until) - epoch(since)) / 60.0;

-- An e-mail address as it is compared: trimmed, the whole in lower case.
CREATE OR REPLACE MACRO normal_email(address) AS lower(trim(address));

-- An address as it is compared: phone numbers by their digits and plus sign (00 is +), tokens and keys as they are.
CREATE OR REPLACE MACRO normal_address(channel, address) AS
    CASE
        WHEN channel = 'email' THEN normal_email(address)
        WHEN channel IN ('sms', 'whatsapp', 'phone')
            THEN regexp_replace(regexp_replace(address, '[^0-9+]', '', 'g'), '^00', '+')
        ELSE trim(address)
    END;

-- A letter of a domain, as a class of characters: none of ASCII to `first`, and no common punctuation or
-- space. To compile \p{L} and \p{N} takes longer than a small tick's other statements together.
CREATE OR REPLACE MACRO domain_letter(first) AS
    '[^\x00-' || first || '\[-`{-\x{bf}\x{2000}-\x{206f}\x{3000}-\x{3004}\x{3008}-\x{3020}'
    || '\x{fe00}-\x{ff0f}\x{ff1a}-\x{ff20}\x{ff5b}-\x{ff65}]';

-- Whether an address can be tried at all (RFC 5321 dot-string local part, a domain with a dot).
-- The mail server has the last word.
CREATE OR REPLACE MACRO plausible_email(address) AS
    coalesce(
        length(address) <= 254
        AND regexp_full_match(
            address,
            '[^\x00-\x20@"(),:;<>\[\]\\.\x7f-\xa0\x{2000}-\x{206f}\x{3000}\x{feff}]+'
            || '(\.[^\x00-\x20@"(),:;<>\[\]\\.\x7f-\xa0\x{2000}-\x{206f}\x{3000}\x{feff}]+)*'
            || '@(' || domain_letter('/:-@') || '+(-+' || domain_letter('/:-@') || '+)*\.)+'
            || domain_letter('@') || domain_letter('/:-@') || '+(-+' || domain_letter('/:-@') || '+)*'
        ),
        false
    );

-- A DOUBLE as JavaScript writes it: 1.0 is 1, 1e16 is spelled out, and 1e-07 is 1e-7.
CREATE OR REPLACE MACRO number_text(number) AS (
    WITH parts AS (
        SELECT
            CAST(abs(number) AS VARCHAR) AS written,
            replace(regexp_replace(split_part(CAST(abs(number) AS VARCHAR), 'e', 1), '\.0$', ''), '.', '') AS digits,
            CAST(nullif(split_part(CAST(abs(number) AS VARCHAR), 'e', 2), '') AS INTEGER) AS exponent
    )
    SELECT
        CASE WHEN number < 0 THEN '-' ELSE '' END
        || CASE
            WHEN isnan(number) THEN 'NaN'
            WHEN isinf(number) THEN 'Infinity'
            WHEN exponent IS NULL THEN regexp_replace(written, '\.0$', '')
            WHEN exponent BETWEEN 0 AND 20 THEN rpad(digits, exponent + 1, '0')
            WHEN exponent BETWEEN -6 AND -1 THEN '0.' || repeat('0', -exponent - 1) || digits
            ELSE regexp_replace(regexp_replace(written, '\.0e', 'e'), 'e([+-])0', 'e\1')
        END
    FROM parts
);

-- The calendar day of an instant in an IANA zone.
CREATE OR REPLACE MACRO local_date(moment, zone) AS CAST(timezone(zone, moment) AS DATE);

-- An instant so many minutes later; null minutes give null.
CREATE OR REPLACE MACRO plus_minutes(moment, minutes) AS moment + to_minutes(minutes);

-- The calendar day of an instant where clocks are so many seconds ahead of UTC.
CREATE OR REPLACE MACRO shifted_date(moment, seconds) AS
    CAST(timezone('UTC', moment) + to_seconds(seconds) AS DATE);

-- A text's FNV-1a hash of 32 bits over its UTF-16 units, as JavaScript counts them.
CREATE OR REPLACE MACRO fnv1a32(text) AS
    list_reduce(
        list_transform(string_split(text, ''), lambda letter: CAST(unicode(letter) AS BIGINT)),
        lambda hash, unit: CASE
            WHEN unit < 65536 THEN (xor(hash, unit) * 16777619) & 4294967295
            ELSE
                (
                    xor((xor(hash, 55232 + (unit >> 10)) * 16777619) & 4294967295, 56320 + (unit & 1023)) * 16777619
                ) & 4294967295
        END,
        CAST(2166136261 AS BIGINT)
    );

-- Where a text key lies in [0, 1) for this seed, in ten thousandths: GrowthBook's hash, version 2. Millions a second.
CREATE OR REPLACE MACRO draw01(seed, key) AS
    CAST((fnv1a32(CAST(fnv1a32(seed || key) AS VARCHAR)) % 10000) / 10000 AS DOUBLE);

-- What clocks in an IANA zone show at an instant.
CREATE OR REPLACE MACRO local_time(moment, zone) AS timezone(zone, moment);

-- A date and a time of day written HH:MM, as clocks show them.
CREATE OR REPLACE MACRO date_at(day, clock) AS CAST(day AS DATE) + CAST(clock AS TIME);

-- The day of the week of a date or local time: Monday is 1, Sunday 7.
CREATE OR REPLACE MACRO weekday_of(local) AS isodow(local);

-- Whether a moment became a job: what expired or was suppressed shortly before hand-off had been planned.
CREATE OR REPLACE MACRO was_planned(state, reason) AS state <> 'skipped' OR reason IN ('expired', 'suppressed');

-- What a customer's doing with a message is worth: the weights of every engagement score.
CREATE OR REPLACE MACRO engagement_points(deed) AS
    CASE deed
        WHEN 'opened' THEN 5.0
        WHEN 'clicked' THEN 10.0
        WHEN 'replied' THEN 20.0
        WHEN 'converted' THEN 30.0
        WHEN 'unsubscribed' THEN -30.0
        WHEN 'complained' THEN -50.0
        ELSE 0.0
    END;

-- What points of a moment still count for at another: half of them after 30 days, which are 43,200 minutes.
CREATE OR REPLACE MACRO halved(points, moment, later) AS
    points * power(0.5, (minutes_of(later) - minutes_of(moment)) / 43200.0);

-- A month as a number that counts up: of the year 0, January is 0.
CREATE OR REPLACE MACRO month_number(local) AS CAST(year(local) * 12 + month(local) - 1 AS BIGINT);

-- The first day of a month given as such a number.
CREATE OR REPLACE MACRO first_of_month(number) AS make_date(CAST(number // 12 AS BIGINT), number % 12 + 1, 1);
