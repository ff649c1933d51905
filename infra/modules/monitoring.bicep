// Where logs go. Application Insights takes them from Entra identities only.

@description('Name of the Log Analytics workspace.')
param workspaceName string

@description('Name of the Application Insights component.')
param insightsName string

@description('Region of both.')
param location string

@description('Tags of both.')
param tags object

@description('Principal of the worker, which may write telemetry and read who pulled what.')
param workerPrincipalId string

var logReader = '73c42c96-874c-492b-b04d-ab87d138a893'
var metricsPublisher = '3913510d-42f4-4e42-8a64-420c390055eb'

resource workspace 'Microsoft.OperationalInsights/workspaces@2025-02-01' = {
  name: workspaceName
  location: location
  tags: tags
  properties: {
    sku: { name: 'PerGB2018' }
    retentionInDays: 90
    features: { enableLogAccessUsingOnlyResourcePermissions: true }
  }
}

resource insights 'Microsoft.Insights/components@2020-02-02' = {
  name: insightsName
  location: location
  tags: tags
  kind: 'web'
  properties: {
    Application_Type: 'web'
    WorkspaceResourceId: workspace.id
    DisableLocalAuth: true
    IngestionMode: 'LogAnalytics'
  }
}

resource publishing 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(insights.id, workerPrincipalId, metricsPublisher)
  scope: insights
  properties: {
    principalId: workerPrincipalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', metricsPublisher)
  }
}

resource reading 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(workspace.id, workerPrincipalId, logReader)
  scope: workspace
  properties: {
    principalId: workerPrincipalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', logReader)
  }
}

@description('The workspace\'s resource id.')
output workspaceId string = workspace.id

@description('The id by which the workspace is queried.')
output workspaceCustomerId string = workspace.properties.customerId

@description('The workspace\'s name.')
output workspaceName string = workspace.name

@description('The component\'s resource id.')
output insightsId string = insights.id

@description('Where telemetry is sent; without an identity it opens nothing, since local authentication is off.')
output insightsConnection string = insights.properties.ConnectionString
