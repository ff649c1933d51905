// What people should hear of without looking, and a page to look at. docs/operations.md says what to do.

@description('Name of the action group.')
param groupName string

@description('Region of alerts and workbook.')
param location string

@description('Tags of all of it.')
param tags object

@description('Application Insights component that holds the app\'s logs.')
param insightsId string

@description('Address to mail alerts to; empty for none.')
param email string

var alerts = [
  {
    name: 'pushscan-jobs-abandoned'
    about: 'A job failed each time it was tried: its image is unknown(abandoned).'
    severity: 1
    query: 'requests | where name == "record_abandoned"'
  }
  {
    name: 'pushscan-jobs-late'
    about: 'A job waited for over 5 minutes until a worker took it.'
    severity: 2
    query: 'traces | where operation_Name == "scan_image" and message startswith "Trigger Details" | parse message with * "InsertedOn: " inserted:datetime | where timestamp - inserted > 5m'
  }
  {
    name: 'pushscan-jobs-stuck'
    about: 'Pushes were queued and no job has run for 15 minutes.'
    severity: 1
    query: 'union (traces | where message matches regex "^(push|event)[.]queued " | summarize queued = count()), (requests | where name == "scan_image" | summarize run = count()) | summarize queued = sum(queued), run = sum(run) | where queued > 0 and run == 0'
  }
  {
    name: 'pushscan-advisories-stale'
    about: 'Images were not judged because the advisories are too old.'
    severity: 1
    query: 'traces | where message startswith "image.judged" and message has "stale-advisories"'
  }
  {
    name: 'pushscan-notices-failing'
    about: 'A notice could not be delivered.'
    severity: 2
    query: 'traces | where message startswith "notice.failed" or message startswith "notice.refused"'
  }
]

resource people 'Microsoft.Insights/actionGroups@2023-01-01' = if (!empty(email)) {
  name: groupName
  location: 'global'
  tags: tags
  properties: {
    enabled: true
    groupShortName: 'pushscan'
    emailReceivers: [{ name: 'operators', emailAddress: email, useCommonAlertSchema: true }]
  }
}

resource rules 'Microsoft.Insights/scheduledQueryRules@2023-12-01' = [
  for alert in alerts: {
    name: alert.name
    location: location
    tags: tags
    kind: 'LogAlert'
    properties: {
      displayName: alert.name
      description: alert.about
      severity: alert.severity
      enabled: true
      scopes: [insightsId]
      evaluationFrequency: 'PT5M'
      windowSize: 'PT15M'
      autoMitigate: true
      criteria: {
        allOf: [
          {
            query: alert.query
            timeAggregation: 'Count'
            operator: 'GreaterThan'
            threshold: 0
            failingPeriods: { minFailingPeriodsToAlert: 1, numberOfEvaluationPeriods: 1 }
          }
        ]
      }
      actions: { actionGroups: empty(email) ? [] : [people.id] }
    }
  }
]

resource workbook 'Microsoft.Insights/workbooks@2023-06-01' = {
  name: guid(insightsId, 'pushscan')
  location: location
  tags: tags
  kind: 'shared'
  properties: {
    category: 'workbook'
    displayName: 'Pushscan: verdicts'
    serializedData: loadTextContent('../workbook.json')
    sourceId: insightsId
    version: '1.0'
  }
}
