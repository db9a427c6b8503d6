-- One row per moment of a message: the channel it takes, the address there, and what forbids to use it.
-- Of several channels the first one is taken on which the person can and may be reached.
WITH offered AS (
    SELECT
        m.moment_id,
        m.tenant_id,
        m.recipient_kind,
        m.person_id,
        w.channel,
        w.rank,
        s.purpose,
        s.topic,
        c.opt_in,
        coalesce(p.email_opt_out AND w.channel = 'email', false) AS opted_out,
        trim(
            CASE
                WHEN m.recipient_kind = 'fixed' THEN f.address
                WHEN w.channel = 'email' THEN p.email
                WHEN w.channel IN ('sms', 'whatsapp', 'phone') THEN p.phone
                WHEN w.channel = 'push' THEN p.push_token
                WHEN w.channel = 'wallet' THEN p.wallet_pass
                WHEN w.channel = 'chat' AND m.recipient_kind = 'user' THEN p.email
                -- These belong to the person's own place in the CRM, whatever addresses there are.
                WHEN w.channel IN ('in_app', 'interaction')
                    THEN m.recipient_kind || ':' || CAST(p.person_id AS VARCHAR)
            END
        ) AS raw_address
    FROM moments AS m
    INNER JOIN steps AS s ON m.place = s.place
    INNER JOIN policies AS c ON m.campaign_id = c.campaign_id
    INNER JOIN ways AS w ON m.place = w.place AND coalesce(w.tenant_id, m.tenant_id) = m.tenant_id
    LEFT JOIN people AS p
        ON
            m.recipient_kind = p.recipient_kind
            AND m.tenant_id = p.tenant_id
            AND m.person_id = p.person_id
    LEFT JOIN fixed_addresses AS f ON m.place = f.place AND m.recipient_id = f.recipient_id
),

usable AS (
    SELECT
        y.*,
        CASE
            WHEN y.channel IN ('email', 'chat') THEN plausible_email(y.raw_address)
            WHEN y.channel IN ('sms', 'whatsapp', 'phone')
                THEN coalesce(length(replace(normal_address(y.channel, y.raw_address), '+', '')) >= 6, false)
            ELSE coalesce(y.raw_address <> '', false)
        END AS usable
    FROM offered AS y
),

hashed AS (
    SELECT
        u.*,
        CASE
            WHEN u.usable THEN sha256($salt || ':' || u.channel || ':' || normal_address(u.channel, u.raw_address))
        END AS address_hash
    FROM usable AS u
),

forbidden AS (
    SELECT
        h.moment_id,
        h.channel,
        min(x.reason) AS by_list
    FROM hashed AS h
    INNER JOIN suppressions AS x
        ON
            h.tenant_id = x.tenant_id
            AND h.channel = x.channel
            AND h.address_hash = x.address_hash
            AND x.topic IN ('', h.topic)
            AND (h.purpose = 'marketing' OR x.reason IN ('bounced', 'manual', 'forgotten'))
    GROUP BY h.moment_id, h.channel
),

-- What was said on being written to, in the CRM or elsewhere; the latest word on a topic counts.
said AS (
    SELECT h.moment_id, h.channel, coalesce(c.topic, '') AS topic, c.state, c.at
    FROM hashed AS h
    INNER JOIN consents AS c
        ON h.tenant_id = c.tenant_id AND h.person_id = c.customer_id AND h.channel = c.channel
    WHERE
        h.purpose = 'marketing' AND h.recipient_kind = 'customer'
        AND coalesce(c.topic, '') IN ('', h.topic) AND c.at <= $as_of
    UNION ALL
    SELECT h.moment_id, h.channel, a.topic, a.state, a.at
    FROM hashed AS h
    INNER JOIN agreements AS a
        ON h.tenant_id = a.tenant_id AND h.channel = a.channel AND h.address_hash = a.address_hash
    WHERE h.purpose = 'marketing' AND a.topic IN ('', h.topic)
),

latest AS (
    SELECT
        d.*,
        row_number() OVER (
            PARTITION BY d.moment_id, d.channel, d.topic ORDER BY d.at DESC, d.state DESC
        ) AS place
    FROM said AS d
),

agreed AS (
    SELECT
        l.moment_id,
        l.channel,
        bool_or(l.state = 'opted_in') AS opted_in,
        bool_or(l.state = 'pending') AS pending,
        bool_or(l.state = 'opted_out') AS opted_out
    FROM latest AS l
    WHERE l.place = 1
    GROUP BY l.moment_id, l.channel
),

judged AS (
    SELECT
        h.*,
        CASE
            WHEN f.by_list IS NOT NULL THEN f.by_list
            WHEN h.purpose <> 'marketing' THEN NULL
            WHEN h.opted_out OR a.opted_out THEN 'opted_out'
            WHEN a.pending THEN 'pending'
            WHEN h.opt_in AND h.recipient_kind = 'customer' AND NOT coalesce(a.opted_in, false) THEN 'no_consent'
            WHEN x.customer_id IS NOT NULL THEN 'sunset'
        END AS suppressed_by
    FROM hashed AS h
    LEFT JOIN forbidden AS f ON h.moment_id = f.moment_id AND h.channel = f.channel
    LEFT JOIN agreed AS a ON h.moment_id = a.moment_id AND h.channel = a.channel
    LEFT JOIN sunset AS x
        ON
            h.channel = 'email'
            AND h.recipient_kind = 'customer'
            AND h.tenant_id = x.tenant_id
            AND h.person_id = x.customer_id
),

ranked AS (
    SELECT
        j.*,
        bool_or(coalesce(j.raw_address, '') <> '') OVER (PARTITION BY j.moment_id) AS named,
        row_number() OVER (
            PARTITION BY j.moment_id
            ORDER BY
                CASE WHEN j.usable AND j.suppressed_by IS NULL THEN 0 WHEN j.usable THEN 1 ELSE 2 END,
                j.rank
        ) AS preference
    FROM judged AS j
)
{% if several %},

-- Where a message goes that is rejected there: the other channels on which the person can and may be reached.
others AS (
    SELECT
        n.moment_id,
        string_agg(
            CAST(
                to_json(
                    struct_pack(channel := n.channel, address := n.raw_address, address_hash := n.address_hash)
                ) AS VARCHAR
            ),
            ','
            ORDER BY n.rank
        ) AS fallbacks
    FROM ranked AS n
    WHERE n.preference > 1 AND n.usable AND n.suppressed_by IS NULL
    GROUP BY n.moment_id
)
{% endif %}

SELECT
    r.moment_id,
    r.channel,
    CASE WHEN r.usable THEN r.raw_address END AS address,
    r.address_hash,
    {% if several %}
    '[' || o.fallbacks || ']' AS fallbacks,
    {% else %}
    CAST(NULL AS VARCHAR) AS fallbacks,
    {% endif %}
    CASE WHEN r.usable THEN r.suppressed_by END AS suppressed_by,
    CASE WHEN r.usable THEN 'usable' WHEN r.named THEN 'unusable' ELSE 'missing' END AS reach
FROM ranked AS r
{% if several %}
LEFT JOIN others AS o ON r.moment_id = o.moment_id
{% endif %}
WHERE r.preference = 1
