-- Sets one field of the customer that the campaign concerns, or empties it where value is ''.
-- types: field text, value text
-- allows field: name, first_name, company_name, country, locale, segment, status, pipeline_stage
UPDATE customers
SET name = CASE :field WHEN 'name' THEN nullif(:value, '') ELSE name END,
    first_name = CASE :field WHEN 'first_name' THEN nullif(:value, '') ELSE first_name END,
    company_name = CASE :field WHEN 'company_name' THEN nullif(:value, '') ELSE company_name END,
    country = CASE :field WHEN 'country' THEN nullif(:value, '') ELSE country END,
    locale = CASE :field WHEN 'locale' THEN nullif(:value, '') ELSE locale END,
    segment = CASE :field WHEN 'segment' THEN nullif(:value, '') ELSE segment END,
    status = CASE :field WHEN 'status' THEN nullif(:value, '') ELSE status END,
    pipeline_stage = CASE :field WHEN 'pipeline_stage' THEN nullif(:value, '') ELSE pipeline_stage END,
    stage_entered_at = CASE
        WHEN :field <> 'pipeline_stage' OR coalesce(pipeline_stage, '') = :value THEN stage_entered_at
        ELSE :now
    END,
    updated_at = :now
WHERE id = :customer_id
  AND tenant_id = :tenant_id
