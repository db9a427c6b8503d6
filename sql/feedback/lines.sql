-- One row per line of a feedback file: the event it tells, or the problem why it tells none.
WITH bodies AS (
    -- Functions of JSON raise an error over anything else.
    SELECT
        line,
        text,
        CASE WHEN json_valid(text) THEN text END AS body
    FROM lines
),

fields AS (
    SELECT
        line,
        text,
        body,
        json_type(body) AS body_type,
        json_type(body, '$.id') AS id_type,
        json_extract_string(body, '$.id') AS identity,
        json_extract_string(body, '$.type') AS type,
        json_extract_string(body, '$.at') AS at_text,
        json_type(body, '$.job_id') AS job_type,
        TRY_CAST(json_extract_string(body, '$.job_id') AS BIGINT) AS job_id,
        json_extract_string(body, '$.provider_id') AS provider_id,
        coalesce(json_type(body, '$.detail'), 'NULL') AS detail_type,
        CAST(json_extract(body, '$.detail') AS VARCHAR) AS detail
    FROM bodies
),

judged AS (
    SELECT
        line,
        text,
        identity,
        type,
        TRY_CAST(at_text AS TIMESTAMPTZ) AS told_at,
        job_id,
        provider_id,
        CASE WHEN detail_type = 'OBJECT' THEN detail ELSE '{}' END AS detail,
        CASE
            WHEN body IS NULL THEN 'not JSON'
            WHEN body_type <> 'OBJECT' THEN 'not a JSON object'
            WHEN coalesce(id_type, 'NULL') <> 'VARCHAR' THEN 'id: a text is required'
            WHEN NOT regexp_full_match(identity, '[^\x00-\x1f\x7f]{1,200}')
                THEN 'id: 1 to 200 characters, no control characters'
            WHEN type IS NULL OR type NOT IN (SELECT e.word FROM event_types AS e)
                THEN 'type: one of ' || (SELECT string_agg(e.word, ', ') FROM event_types AS e)
            -- Without a zone, the time could be any of 26 hours.
            WHEN
                at_text IS NULL
                OR NOT regexp_full_match(
                    at_text,
                    '(19[7-9]\d|2\d{3})-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d(:?\d\d)?)'
                )
                OR TRY_CAST(at_text AS TIMESTAMPTZ) IS NULL
                THEN 'at: an ISO 8601 instant with its zone is required, such as 2026-05-01T09:00:00Z'
            WHEN coalesce(job_type, 'NULL') NOT IN ('NULL', 'BIGINT', 'UBIGINT') THEN 'job_id: an integer or null'
            WHEN job_type <> 'NULL' AND job_id IS NULL THEN 'job_id: too large'
            WHEN detail_type NOT IN ('OBJECT', 'NULL') THEN 'detail: a JSON object'
            WHEN length(detail) > 4000 THEN 'detail: more than 4000 characters'
        END AS problem
    FROM fields
),

kept AS (
    SELECT
        line,
        text,
        identity,
        type,
        told_at,
        job_id,
        CASE
            WHEN provider_id IS NULL THEN detail
            ELSE CAST(json_merge_patch(detail, json_object('provider_id', provider_id)) AS VARCHAR)
        END AS detail,
        problem
    FROM judged
)

SELECT
    line,
    text,
    identity,
    type,
    told_at,
    job_id,
    nullif(detail, '{}') AS detail,
    -- For an event of a job we do not know: the number it named stays readable.
    CASE
        WHEN job_id IS NULL THEN nullif(detail, '{}')
        ELSE CAST(json_merge_patch(detail, json_object('job_id', job_id)) AS VARCHAR)
    END AS detail_of_stranger,
    substr(json_extract_string(detail, '$.kind'), 1, 20) AS kind,
    json_extract_string(detail, '$.cause') AS cause,
    -- Who says nothing of it tells of people.
    CASE json_extract_string(detail, '$.machine') WHEN 'true' THEN true WHEN 'false' THEN false END AS machine,
    problem
FROM kept
ORDER BY line
