-- One row per line of another tool's list: what it tells, in our types, or the problem why it tells nothing.
WITH given AS (
    SELECT
        l.line,
        coalesce(nullif(trim(l.tenant_id), ''), $tenant) AS tenant_text,
        lower(coalesce(nullif(trim(l.channel), ''), $channel)) AS channel,
        nullif(trim(l.address), '') AS address,
        lower(coalesce(nullif(trim(l.topic), ''), '')) AS topic,
        lower(nullif(trim(l.reason), '')) AS reason,
        lower(nullif(trim(l.state), '')) AS state,
        coalesce(nullif(trim(l.campaign), ''), $campaign) AS campaign,
        coalesce(nullif(trim(l.step), ''), $step) AS step,
        nullif(trim(l.subject), '') AS subject_text,
        nullif(trim(l.at), '') AS at_text
    FROM lines AS l
),

typed AS (
    SELECT
        g.*,
        CASE
            WHEN $tenant_texts THEN hash63(g.tenant_text)
            WHEN regexp_full_match(g.tenant_text, '-?[0-9]{1,18}') THEN CAST(g.tenant_text AS BIGINT)
        END AS tenant_id,
        CASE
            WHEN regexp_full_match(
                g.at_text, '(19[7-9]\d|2\d{3})-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d(:?\d\d)?)'
            ) THEN TRY_CAST(g.at_text AS TIMESTAMPTZ)
        END AS told_at
    FROM given AS g
)

SELECT
    t.line,
    t.tenant_id,
    t.channel,
    t.topic,
    coalesce(t.reason, 'imported') AS reason,
    t.state,
    t.campaign,
    t.step,
    t.subject_text,
    coalesce(t.told_at, CAST($now AS TIMESTAMPTZ)) AS at,
    sha256($salt || ':' || t.channel || ':' || normal_address(t.channel, t.address)) AS address_hash,
    CASE
        WHEN t.tenant_text IS NULL THEN 'tenant_id: missing; write the column, or give --tenant'
        WHEN t.tenant_id IS NULL THEN 'tenant_id: ''' || t.tenant_text || ''' is no tenant'
        WHEN t.at_text IS NOT NULL AND t.told_at IS NULL
            THEN 'at: ''' || t.at_text || ''' is no instant with a zone, such as 2026-05-01T09:00:00Z'
        WHEN t.told_at > $now THEN 'at: lies in the future'
        WHEN t.channel NOT IN (SELECT c.channel FROM channels AS c)
            THEN 'channel: one of ' || (SELECT string_agg(c.channel, ', ') FROM channels AS c)
        WHEN $kind <> 'sends' AND t.address IS NULL THEN 'address: missing'
        WHEN t.channel = 'email' AND t.address IS NOT NULL AND NOT plausible_email(t.address)
            THEN 'address: no e-mail address'
        WHEN length(t.topic) > 80 THEN 'topic: more than 80 characters'
        WHEN
            $kind = 'suppressions'
            AND coalesce(t.reason, 'imported')
            NOT IN ('bounced', 'complained', 'unsubscribed', 'manual', 'imported')
            THEN 'reason: one of bounced, complained, unsubscribed, manual, imported'
        WHEN $kind = 'consents' AND coalesce(t.state, '') NOT IN ('opted_in', 'opted_out', 'pending')
            THEN 'state: one of opted_in, opted_out, pending'
        -- A guess would place an old agreement after an opt-out that came since.
        WHEN $kind = 'consents' AND t.told_at IS NULL THEN 'at: missing, when it was said'
        WHEN $kind = 'sends' AND t.subject_text IS NULL THEN 'subject: missing, the key of the row in the CRM'
        WHEN $kind = 'sends' AND t.told_at IS NULL THEN 'at: missing, when it was sent'
        WHEN
            $kind = 'sends' AND NOT EXISTS (
                SELECT 1 FROM known_steps AS k
                WHERE k.campaign = t.campaign AND k.step = t.step
            )
            THEN 'campaign and step: ''' || coalesce(t.campaign, '') || '/' || coalesce(t.step, '')
                || ''' is no step of an applied campaign; give --campaign and --step, or rename'
    END AS problem
FROM typed AS t
ORDER BY t.line
