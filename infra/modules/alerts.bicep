// What people should hear of without looking, and a page to look at. docs/operations.md says what to do.

@description('Name of the action group.')
param groupName string

@description('Region of alerts and workbook.')
param location string

@description('Tags of all of it.')
param tags object

@description('Application Insights component that holds the app\'s logs.')
param insightsId string

@description('Whether an instance always runs: only then is silence a fault.')
param alwaysOn bool

@description('Address to mail alerts to; empty for none.')
param email string

var alerts = [
  {
    name: 'pushscan-poison-queues'
    about: 'A poison queue was not empty: something failed each time it was tried.'
    severity: 1
    window: 'PT15M'
    enabled: true
    query: 'requests | where name in ("record_abandoned", "record_undelivered", "receive_events_again", "give_up_attaching", "rejudge_from_registry", "sweep_images_again")'
  }
  {
    name: 'pushscan-jobs-late'
    about: 'A job waited for over 5 minutes until a worker took it.'
    severity: 2
    window: 'PT15M'
    enabled: true
    query: 'traces | where message startswith "job.taken" | parse message with * "waited=" waited:long " tries=" tries:long | where waited > 300 and tries == 1'
  }
  {
    name: 'pushscan-jobs-stuck'
    about: 'Pushes were queued and no job has run for 15 minutes.'
    severity: 1
    window: 'PT15M'
    enabled: true
    query: 'union (traces | where message startswith "event.queued" | summarize queued = count()), (requests | where name == "scan_image" | summarize run = count()) | summarize queued = sum(queued), run = sum(run) | where queued > 0 and run == 0'
  }
  {
    name: 'pushscan-silent'
    about: 'No function has run for two hours, though the reconciler should each hour: the app is down.'
    severity: 1
    window: 'PT2H'
    enabled: alwaysOn
    query: 'requests | summarize run = count() | where run == 0'
  }
  {
    name: 'pushscan-advisories-stale'
    about: 'Images were not judged because the advisories are too old.'
    severity: 1
    window: 'PT15M'
    enabled: true
    query: 'traces | where message startswith "image.judged" and message has "stale-advisories"'
  }
  {
    name: 'pushscan-advisories-failing'
    about: 'The advisories could not be renewed; verdicts go on until they are too old.'
    severity: 3
    window: 'PT15M'
    enabled: true
    query: 'traces | where message startswith "advisories.not_updated"'
  }
  {
    name: 'pushscan-notices-failing'
    about: 'A notice could not be delivered, or a change of the routes could not be read.'
    severity: 2
    window: 'PT15M'
    enabled: true
    query: 'traces | where message startswith "notice.failed" or message startswith "notice.refused" or message startswith "routes.refused"'
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
      enabled: alert.enabled
      scopes: [insightsId]
      evaluationFrequency: 'PT5M'
      windowSize: alert.window
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
